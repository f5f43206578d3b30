# frozen_string_literal: true

# Takes calls in turn, and answers each before it looks at the next.
class Calls
  RESULT_BYTES_MAX = 1024 * 1024
  # Of a result that is too long, what its error tells.
  SHOWN_CHARACTERS_MAX = 1024
  DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

  def initialize(connection, handler, settings, marks)
    @connection = connection
    @marks = marks
    @handler = handler
    @parameters = settings["parameters"] || {}
    @reserved = settings["reserved"] || []
    @window = settings["window"]
  end

  def serve
    loop do
      frame = @connection.read
      next unless frame.type == Connection::CALL

      run(frame)
      @marks.print(frame.id)
    end
  end

  private

  def run(frame)
    size = frame.payload.unpack1("N")
    @head = frame.payload.byteslice(4, size).force_encoding("UTF-8")
    body = whole_body(frame, frame.payload.byteslice(4 + size..))
    tell_call
    answer(frame.id, @handler.call(parameters(body)))
  rescue SystemExit
    raise
  rescue Exception => e # rubocop:disable Lint/RescueException
    warn e.full_message(highlight: false)
    @connection.send_json(Connection::ERROR, frame.id, describe(e).merge(message: "An error has occurred: #{e.message}"))
  end

  def whole_body(first, body)
    frame = first
    while (frame.flags & Connection::END_FLAG).zero?
      frame = @connection.read
      next unless frame.id == first.id && frame.type == Connection::BODY

      body << frame.payload
      @connection.send(Connection::CREDIT, first.id, [frame.payload.bytesize].pack("N"))
    end
    body
  end

  def field(name)
    @head[/^#{Regexp.escape(name)}:(.*)$/, 1]
  end

  def tell_call
    activation = hex(field(":call") || "")
    ENV["__OW_ACTIVATION_ID"] = activation
    ENV["__OW_DEADLINE"] = field(":deadline") || ""
    ENV["__OW_TRANSACTION_ID"] = field("x-request-id") || activation
  end

  # An id of 26 letters as 32 hex digits.
  def hex(id)
    value = id.each_char.reduce(0) { |sum, letter| (sum << 5) | (DIGITS.index(letter) || 0) }
    format("%032x", value)
  end

  def parameters(body)
    given = body.empty? ? {} : value_of(body)
    return given if given.is_a?(Array)

    @parameters.merge(given).reject { |name, _| @reserved.include?(name) }
  end

  # What is no object comes as the member `__ow_body`, but for arrays, which come as they are.
  def value_of(body)
    text = body.dup.force_encoding("UTF-8")
    return { "__ow_body" => [body].pack("m0") } unless text.valid_encoding?

    value = JSON.parse(text)
    value.is_a?(Hash) || value.is_a?(Array) ? value : { "__ow_body" => value }
  rescue JSON::ParserError
    { "__ow_body" => text }
  end

  def answer(id, result)
    raise TypeError, "The action did not return a dictionary or array." unless result.is_a?(Hash) || result.is_a?(Array)

    error = result.is_a?(Hash) ? (result["error"] || result[:error]) : nil
    body = JSON.generate(error.nil? ? result : { error: error })
    return send_answer(id, error.nil? ? 200 : 502, body) if body.bytesize <= RESULT_BYTES_MAX

    said = "The action produced a response that exceeded the allowed length: #{body.bytesize} > #{RESULT_BYTES_MAX} bytes."
    send_answer(id, 502, JSON.generate({ error: "#{said} The truncated response was: #{body[0, SHOWN_CHARACTERS_MAX]}" }))
  end

  # Sends pieces as there is credit for them; what nobody waits for any more is thrown away.
  def send_answer(id, status, body)
    head = ":status:#{status}\ncontent-type:application/json\n"
    credit = @window
    sent = 0
    loop do
      size = [body.bytesize - sent, credit, Connection::PIECE_BYTES_MAX].min
      piece = body.byteslice(sent, size)
      piece = [head.bytesize].pack("N") + head + piece.b if sent.zero?
      sent += size
      credit -= size
      last = sent == body.bytesize
      @connection.send(sent == size ? Connection::RESULT : Connection::BODY, id, piece, last ? Connection::END_FLAG : 0)
      return if last

      credit += more_credit(id) while credit.zero?
    end
  end

  def more_credit(id)
    frame = @connection.read
    return 0 unless frame.id == id
    return 0xffffffff if frame.type == Connection::CANCEL

    frame.type == Connection::CREDIT ? frame.payload.unpack1("N") : 0
  end
end
