"""Recipe of the small Whisper model: text, speech, training and export."""
