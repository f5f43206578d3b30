<?php
/**
 * The PHP shim: connects to the platform, loads the function's code and serves its calls, one at a time (docs/frames.md, also for _Parameters_).
 * Such code was written for OpenWhisk, so names and texts are those that it knows.
 */
namespace Kiln;

require __DIR__ . "/connection.php";
require __DIR__ . "/calls.php";
require __DIR__ . "/marks.php";

/** The code may use what it likes as a name of its own. */
function start(): never
{
    ini_set("display_errors", "stderr");
    $path = getenv("KILN_SOCKET");
    if ($path === false) {
        fwrite(STDERR, "KILN_SOCKET is not set: this program is started by the platform, see docs/frames.md\n");
        exit(2);
    }
    $connection = new Connection($path);
    $marks = new Marks();
    $connection->sendJson(Connection::HELLO, 0, [
        "protocol" => 1,
        "runtime" => "php",
        "version" => PHP_VERSION,
        "window" => Connection::WINDOW,
        "mark" => $marks->text,
    ]);
    $settings = $connection->settings();
    try {
        $handler = load($settings);
    } catch (\Throwable $error) {
        $connection->sendJson(Connection::FAILED, 0, describe($error, $error->getMessage()));
        exit(1);
    }
    $connection->sendJson(Connection::READY, 0, new \stdClass());
    (new Calls($connection, $handler, $settings, $marks))->serve();
}

/** Gives what is to be called. Throws what the code throws. */
function load(array $settings): callable
{
    foreach ($settings["env"] ?? [] as $name => $value) putenv("$name=$value");
    $folder = getenv("KILN_CODE") ?: $settings["code"];
    chdir($folder);
    tellIdentity();
    if (is_file("$folder/vendor/autoload.php")) require "$folder/vendor/autoload.php";
    $scripts = glob("$folder/*.php");
    $file = is_file("$folder/index.php") ? "$folder/index.php" : (count($scripts) === 1 ? $scripts[0] : null);
    if ($file === null) throw new \RuntimeException("The code has no index.php");
    ob_start(fn(string $text) => str_starts_with($text, "\u{feff}") ? substr($text, 3) : $text);
    loadFile($file);
    ob_end_flush();
    $name = $settings["handler"] ?? "main";
    if (!is_callable($name)) throw new \RuntimeException(basename($file) . " has no function $name");
    return $name;
}

/** In a scope of its own. */
function loadFile(string $file): void
{
    require $file;
}

function tellIdentity(): void
{
    $parts = array_map(fn(string $name) => getenv($name) ?: "", ["KILN_OWNER", "KILN_APP", "KILN_FUNCTION"]);
    tell("__OW_NAMESPACE", getenv("KILN_NAMESPACE") ?: "");
    tell("__OW_ACTION_NAME", "/" . implode("/", array_filter($parts, fn(string $part) => $part !== "")));
    tell("__OW_ACTION_VERSION", "0.0." . (getenv("KILN_REVISION") ?: "0"));
    tell("__OW_API_HOST", getenv("KILN_API_URL") ?: "");
}

/** Both ways of reading the environment. */
function tell(string $name, string $value): void
{
    putenv("$name=$value");
    $_ENV[$name] = $value;
}

function describe(\Throwable $error, string $message): array
{
    return ["type" => $error::class, "message" => $message, "stack" => (string) $error];
}

start();
