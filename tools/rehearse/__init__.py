"""`make rehearse`: a real `sam deploy` of the built template to ministack, an AWS on loopback, and what must work then.

Nothing here reaches AWS, an account or the internet, and nothing stays behind.
"""
