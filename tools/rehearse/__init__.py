"""`make rehearse`: deploys the build by a real `sam deploy` to ministack, an AWS on loopback, and uses the stack.

It needs no account, reaches neither AWS nor the internet, and removes everything at the end.
"""
