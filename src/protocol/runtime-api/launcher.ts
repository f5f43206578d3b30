/**
 * What starts extensions beside the function's program, and wraps that (`AWS_LAMBDA_EXEC_WRAPPER`): a few lines for bash, which each root with a C library
 * has. They speak to us as all in the sandbox do, at `AWS_LAMBDA_RUNTIME_API`, below `/kiln/` (`launcher-line.ts`).
 */

/** Where programs of layers are that run beside the function. */
const extensionsFolder = "/opt/extensions";

/** A runtime that is told to end has so long, in ms. */
export const runtimeEndMs = 600;

/**
 * $1: wrapper, or empty; then extensions, `--`, and the program. Extensions get none of the variables that Lambda keeps from them. Each one's output goes
 * through a `cat`, as programs may want to open theirs again, which a socket would not let them. Some listeners of extensions are not there for a moment
 * after each connection.
 */
const script = `
port=\${AWS_LAMBDA_RUNTIME_API##*:} wrapper=$1
shift
connected() { exec {to}<>"/dev/tcp/127.0.0.1/$port"; }
ask() {
  local to answer
  connected || return
  printf '%s %s HTTP/1.1\\r\\nHost: kiln\\r\\nContent-Length: 0\\r\\n\\r\\n' "$1" "$2" >&$to
  read -r _ answer _ <&$to
  exec {to}>&-
  [ "$answer" = 200 ]
}
extension() {
  local to code
  connected || return
  printf 'POST /kiln/extensions/%s/output HTTP/1.1\\r\\nHost: kiln\\r\\nContent-Length: 999999999999999\\r\\n\\r\\n' "$1" >&$to
  ( unset _HANDLER LAMBDA_TASK_ROOT LAMBDA_RUNTIME_DIR AWS_EXECUTION_ENV AWS_LAMBDA_LOG_GROUP_NAME AWS_LAMBDA_LOG_STREAM_NAME
    exec {to}>&- "$2" ) 2>&1 | cat >&$to
  code=\${PIPESTATUS[0]}
  exec {to}>&-
  ask POST "/kiln/extensions/$1/ended/$code"
}
control() {
  local to word
  connected || return
  printf 'GET /kiln/control HTTP/1.1\\r\\nHost: kiln\\r\\n\\r\\n' >&$to
  while read -r word <&$to; do
    [ "$word" = end ] || continue
    kill -TERM "$1"
    ( sleep ${runtimeEndMs / 1000}; kill -KILL "$1" ) &
  done
} 2> /dev/null
relay() {
  local to there try kind port_there bytes
  connected || return
  printf 'GET /kiln/relay HTTP/1.1\\r\\nHost: kiln\\r\\n\\r\\n' >&$to
  while read -r kind port_there bytes <&$to; do
    for try in 1 2 3 4 5; do
      exec {there}<>"/dev/tcp/127.0.0.1/$port_there" && break
      there=
      sleep 0.02
    done
    if [ -n "$there" ]; then
      head -c "$bytes" <&$to >&$there
      while [ "$kind" = http ] && read -r -t 2 _ <&$there; do :; done
      exec {there}>&-
    else
      head -c "$bytes" <&$to > /dev/null
    fi
  done
} 2> /dev/null
number=0
while [ "$1" != -- ]; do
  extension $number "$1" &
  number=$((number + 1))
  shift
done
shift
if [ -n "$wrapper" ]; then
  [ -f "$wrapper" ] || { echo "$wrapper: does not exist" >&2; exit 1; }
  [ -x "$wrapper" ] || { echo "$wrapper: is not an executable" >&2; exit 1; }
  set -- "$wrapper" "$@"
fi
[ $number = 0 ] && exec "$@"
ask GET /kiln/extensions/registered || exit 1
"$@" <&0 &
program=$!
control $program &
relay &
wait $program
code=$?
ask POST /kiln/runtime/ended
exit $code
`;

/** What comes before the command of a program; undefined where nothing does. `extensions`: names. `wrapper`: as the function's variable has it. */
export function launcherOf(extensions: readonly string[], wrapper: string | undefined): readonly string[] | undefined {
  if (extensions.length === 0 && (wrapper === undefined || wrapper === "")) return undefined;
  return ["/bin/bash", "-c", script, "launcher", wrapper ?? "", ...extensions.map((name) => `${extensionsFolder}/${name}`), "--"];
}
