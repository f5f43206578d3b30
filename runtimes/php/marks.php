<?php
namespace Kiln;

/** Marks on both streams where the output of a call ends (docs/frames.md). */
final class Marks
{
    /** What the platform is told that they begin with. */
    public readonly string $text;
    /** The code may close its own. */
    private array $streams;

    public function __construct()
    {
        $this->text = "kiln-" . bin2hex(random_bytes(8));
        $this->streams = [fopen("php://stdout", "w"), fopen("php://stderr", "w")];
    }

    public function print(int $id): void
    {
        while (ob_get_level() > 0) ob_end_flush();
        foreach ($this->streams as $stream) fwrite($stream, "\n{$this->text} $id\n");
    }
}
