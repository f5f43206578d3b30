#!/bin/sh
read -r name
echo "call $FN_CALL_ID" >&2
[ "$name" = fail ] && exit 3
echo "Hello $name by ${FN_HTTP_METHOD:-nobody}"
