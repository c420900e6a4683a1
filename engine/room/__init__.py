"""One live room: its pure rules (``lifecycle``) and the actor that carries them out."""
