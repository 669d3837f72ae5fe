"""AWS: IAM Identity Center as a grant."""
