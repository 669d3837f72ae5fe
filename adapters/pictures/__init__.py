"""Pictures, drawn with Pillow: a leaderboard, and a certificate for whoever finished a race."""
