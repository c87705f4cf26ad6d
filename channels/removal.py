"""What it means that a public post is not there any more, where its provider was asked and did not tell by itself."""

from __future__ import annotations

from channels.message import Inbound, Purpose


def removed(post: Inbound) -> Inbound:
    """Take back a post or comment that was heard: without its words, under the identity that Meta's deliveries have."""
    return post.but(
        external_id=f"{post.external_id}:remove",
        purpose=Purpose.DELETION,
        revises=post.external_id,
        text="",
        media=(),
        sent_at=None,
        raw={"id": post.external_id},
    )
