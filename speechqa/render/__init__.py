"""Synthetic calls with an exact truth: a script becomes two channels and what was said when.

Needs espeak-ng and flite (Debian packages) to speak; `line` and `tones` need neither. Nothing
heavy is loaded here: import from `voices`, `line`, `tones`, `script`, `call`, `conditions`,
`random_calls` and `fixtures`.
"""
