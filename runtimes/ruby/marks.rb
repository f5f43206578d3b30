# frozen_string_literal: true

# Marks on both streams where the output of a call ends (docs/frames.md).
class Marks
  # What the platform is told that they begin with.
  attr_reader :text

  def initialize
    @text = "kiln-#{Random.urandom(8).unpack1('H*')}"
    # The code may close or replace its own.
    @streams = [STDOUT.dup, STDERR.dup].each { |stream| stream.sync = true }
  end

  def print(id)
    [$stdout, $stderr, STDOUT, STDERR].each { |stream| flush(stream) }
    @streams.each { |stream| stream.write("\n#{@text} #{id}\n") }
  end

  private

  def flush(stream)
    stream.flush
  rescue StandardError
    # It is closed, or no stream at all.
  end
end
