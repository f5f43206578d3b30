#!/bin/sh
# Answers in the ways a program can; the way is the configuration value MODE.
case "$MODE" in
echo) cat ;;
env) env ;;
fail) echo partial; echo "it went wrong" >&2; exit 3 ;;
refuse) echo "it went wrong" >&2; exit 3 ;;
ignore) echo ignored ;;
kill) kill -9 $$ ;;
halves) echo first; cat ;;
late) head -c 200000 /dev/zero; exit 4 ;;
*) echo "hello $(cat)"; echo "a log line" >&2 ;;
esac
