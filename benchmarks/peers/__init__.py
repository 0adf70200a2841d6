"""What users would pick instead, each as its own users would write it and with its own requirements."""
