"""Telegram: private chats with the city's bot. The door is `channels.telegram.channel`."""
