"""What every test may rely on."""

import signal

# A shell that starts a command in the background has it ignore Ctrl-C, and its children inherit that: here it counts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
