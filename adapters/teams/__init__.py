"""Microsoft Teams: who speaks, in which conversation, and how the bot answers there."""
