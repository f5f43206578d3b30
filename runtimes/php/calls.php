<?php
namespace Kiln;

/** Takes calls in turn, and answers each before it looks at the next. */
final class Calls
{
    const RESULT_BYTES_MAX = 1024 * 1024;
    /** Of a result that is too long, what its error tells. */
    const SHOWN_BYTES_MAX = 1024;
    const DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    private string $head = "";
    private $handler;

    public function __construct(
        private Connection $connection,
        callable $handler,
        private array $settings,
        private Marks $marks,
    ) {
        $this->handler = $handler;
    }

    public function serve(): never
    {
        while (true) {
            $frame = $this->connection->read();
            if ($frame["type"] !== Connection::CALL) continue;
            $this->run($frame);
            $this->marks->print($frame["id"]);
        }
    }

    private function run(array $frame): void
    {
        $size = unpack("N", $frame["payload"])[1];
        $this->head = substr($frame["payload"], 4, $size);
        $body = $this->wholeBody($frame, substr($frame["payload"], 4 + $size));
        $this->tellCall();
        try {
            $this->answer($frame["id"], ($this->handler)($this->parameters($body)));
        } catch (\Throwable $error) {
            fwrite(STDERR, "$error\n");
            $message = "An error has occurred: " . $error->getMessage();
            $this->connection->sendJson(Connection::ERROR, $frame["id"], describe($error, $message));
        }
    }

    private function wholeBody(array $first, string $body): string
    {
        $frame = $first;
        while (($frame["flags"] & Connection::END_FLAG) === 0) {
            $frame = $this->connection->read();
            if ($frame["id"] !== $first["id"] || $frame["type"] !== Connection::BODY) {
                $frame["flags"] = 0;
                continue;
            }
            $body .= $frame["payload"];
            $this->connection->send(Connection::CREDIT, $first["id"], pack("N", strlen($frame["payload"])));
        }
        return $body;
    }

    private function field(string $name): ?string
    {
        return preg_match("/^" . preg_quote($name, "/") . ":(.*)$/m", $this->head, $found) ? $found[1] : null;
    }

    private function tellCall(): void
    {
        $activation = $this->hex($this->field(":call") ?? "");
        tell("__OW_ACTIVATION_ID", $activation);
        tell("__OW_DEADLINE", $this->field(":deadline") ?? "");
        tell("__OW_TRANSACTION_ID", $this->field("x-request-id") ?? $activation);
    }

    /** An id of 26 letters as 32 hex digits: the first two letters are 8 bits, each four of the others 20. */
    private function hex(string $id): string
    {
        $hex = "";
        for ($at = 0; $at < strlen($id); $at += $at === 0 ? 2 : 4) {
            $bits = 0;
            $letters = substr($id, $at, $at === 0 ? 2 : 4);
            foreach (str_split($letters) as $letter) $bits = ($bits << 5) | (int) strpos(self::DIGITS, $letter);
            $hex .= str_pad(dechex($bits), $at === 0 ? 2 : 5, "0", STR_PAD_LEFT);
        }
        return $hex;
    }

    private function parameters(string $body): array
    {
        $given = $body === "" ? [] : $this->valueOf($body);
        if ($given !== [] && array_is_list($given)) return $given;
        return array_diff_key([...($this->settings["parameters"] ?? []), ...$given], array_flip($this->settings["reserved"] ?? []));
    }

    /** What is no object comes as the member `__ow_body`, but for arrays, which come as they are. */
    private function valueOf(string $body): array
    {
        if (preg_match("//u", $body) !== 1) return ["__ow_body" => base64_encode($body)];
        $value = json_decode($body, true);
        if (json_last_error() !== JSON_ERROR_NONE) return ["__ow_body" => $body];
        return is_array($value) ? $value : ["__ow_body" => $value];
    }

    private function answer(int $id, mixed $result): void
    {
        if (!is_array($result) && !is_object($result))
            throw new \TypeError("The action did not return a dictionary or array.");
        $error = is_array($result) ? ($result["error"] ?? null) : ($result->error ?? null);
        $value = $error !== null ? ["error" => $error] : ($result === [] ? new \stdClass() : $result);
        $body = json_encode($value, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR);
        $bytes = strlen($body);
        if ($bytes <= self::RESULT_BYTES_MAX) {
            $this->sendAnswer($id, $error === null ? 200 : 502, $body);
            return;
        }
        $said = "The action produced a response that exceeded the allowed length: $bytes > " . self::RESULT_BYTES_MAX . " bytes.";
        $shown = substr($body, 0, self::SHOWN_BYTES_MAX);
        $text = ["error" => "$said The truncated response was: $shown"];
        $this->sendAnswer($id, 502, json_encode($text, JSON_INVALID_UTF8_SUBSTITUTE | JSON_UNESCAPED_SLASHES));
    }

    /** Sends pieces as there is credit for them; what nobody waits for any more is thrown away. */
    private function sendAnswer(int $id, int $status, string $body): void
    {
        $head = ":status:$status\ncontent-type:application/json\n";
        $credit = $this->settings["window"];
        $sent = 0;
        do {
            while ($credit === 0) $credit += $this->moreCredit($id);
            $size = min(strlen($body) - $sent, $credit, Connection::PIECE_BYTES_MAX);
            $piece = substr($body, $sent, $size);
            $type = $sent === 0 ? Connection::RESULT : Connection::BODY;
            if ($sent === 0) $piece = pack("N", strlen($head)) . $head . $piece;
            $sent += $size;
            $credit -= $size;
            $this->connection->send($type, $id, $piece, $sent === strlen($body) ? Connection::END_FLAG : 0);
        } while ($sent < strlen($body));
    }

    private function moreCredit(int $id): int
    {
        $frame = $this->connection->read();
        if ($frame["id"] !== $id) return 0;
        if ($frame["type"] === Connection::CANCEL) return 0xffffffff;
        return $frame["type"] === Connection::CREDIT ? unpack("N", $frame["payload"])[1] : 0;
    }
}
