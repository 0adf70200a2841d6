"""What developers and deployments run beside the stack on one machine."""
