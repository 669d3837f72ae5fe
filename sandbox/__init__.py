"""The company in a box: simulated Slack, Entra, Microsoft Graph and IAM Identity Center over real HTTP."""
