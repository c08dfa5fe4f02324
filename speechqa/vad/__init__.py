"""Voice activity: where each party speaks.

Takes decoded channels, gives talkspurts: sorted, disjoint, unpadded, integer milliseconds from
the start of the recording, half-open; gaps under 200 ms are bridged, then islands under 100 ms
dropped. It knows nothing of parties, files or words. Channels are never mixed. Padding belongs
to what is sent to the recogniser (`asr_spans`), never to what is measured.
"""

from speechqa.vad.detect import asr_spans, speech, speech_of_channels

__all__ = ["asr_spans", "speech", "speech_of_channels"]
