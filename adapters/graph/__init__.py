"""Entra through Microsoft Graph: the company's directory, groups as a grant, and provisioning on demand."""
