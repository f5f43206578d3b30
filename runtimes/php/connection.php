<?php
namespace Kiln;

/** Frames over the platform's socket. */
final class Connection
{
    const HELLO = 1;
    const INIT = 2;
    const READY = 3;
    const FAILED = 4;
    const CALL = 16;
    const BODY = 17;
    const RESULT = 18;
    const ERROR = 19;
    const CANCEL = 20;
    const CREDIT = 21;
    const END_FLAG = 1;
    /** Of a request's body, before there is credit for more. */
    const WINDOW = 262144;
    const PIECE_BYTES_MAX = 65536;

    private $stream;

    public function __construct(string $path)
    {
        $this->stream = stream_socket_client("unix://$path") ?: exit(1);
        // A function may think for long.
        stream_set_timeout($this->stream, 1000000000);
    }

    /** The payload of init. */
    public function settings(): array
    {
        do $frame = $this->read();
        while ($frame["type"] !== self::INIT);
        return json_decode($frame["payload"], true);
    }

    /** The next frame. Without the platform there is nobody to work for. */
    public function read(): array
    {
        $head = unpack("Nlength/Nid/Ctype/Cflags", $this->exactly(10));
        return [...$head, "payload" => $this->exactly($head["length"])];
    }

    public function send(int $type, int $id, string $payload, int $flags = 0): void
    {
        $rest = pack("NNCC", strlen($payload), $id, $type, $flags) . $payload;
        while ($rest !== "") {
            $written = fwrite($this->stream, $rest);
            if ($written === false || $written === 0) exit(0);
            $rest = substr($rest, $written);
        }
    }

    public function sendJson(int $type, int $id, mixed $value): void
    {
        $this->send($type, $id, json_encode($value, JSON_INVALID_UTF8_SUBSTITUTE | JSON_UNESCAPED_SLASHES));
    }

    private function exactly(int $length): string
    {
        $data = "";
        while (strlen($data) < $length) {
            $piece = fread($this->stream, $length - strlen($data));
            if ($piece === false || ($piece === "" && feof($this->stream))) exit(0);
            $data .= $piece;
        }
        return $data;
    }
}
