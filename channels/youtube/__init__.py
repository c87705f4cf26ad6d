"""YouTube: comments on the city's channel. The door is `channels.youtube.channel`."""
