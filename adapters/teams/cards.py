"""A message as an Adaptive Card."""

from typing import Any

from adapters.chat.message import Message, Paragraph, Plain, Text


def render(message: Message) -> tuple[str, dict[str, Any]]:
    """Return the summary as plain text, and the card."""
    summary = _said(message.summary)
    texts = [summary, *(_said(part.text) for part in message.parts if isinstance(part, Paragraph))]
    blocks = [{"type": "TextBlock", "text": text, "wrap": True} for text in texts]
    return summary, {"type": "AdaptiveCard", "version": "1.5", "body": blocks}


def _said(text: Text) -> str:
    return "".join(span.text for span in text if isinstance(span, Plain))
