"""What the HTTP functions share: problem+json, who is asking, keyset paging."""
