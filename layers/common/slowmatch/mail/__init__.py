"""Mail through Amazon SES or an SMTP server: what a mail is, how it is sent, and which ones were sent."""
