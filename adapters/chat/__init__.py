"""What every chat platform gives (an utterance) and takes (a message)."""
