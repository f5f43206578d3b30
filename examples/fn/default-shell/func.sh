#!/bin/sh
# One process a call: the body on STDIN, the answer on STDOUT, the rest in the environment.
read -r name
echo "call $FN_CALL_ID" >&2
echo "Hello ${name:-World} by $FN_METHOD"
