# frozen_string_literal: true

require "socket"

# Frames over the platform's socket, read and written by one thread.
class Connection
  HELLO = 1
  INIT = 2
  READY = 3
  FAILED = 4
  CALL = 16
  BODY = 17
  RESULT = 18
  ERROR = 19
  CANCEL = 20
  CREDIT = 21
  END_FLAG = 1
  # Of a request's body, before there is credit for more.
  WINDOW = 262_144
  PIECE_BYTES_MAX = 65_536

  Frame = Struct.new(:type, :id, :flags, :payload)

  def initialize(path)
    @socket = UNIXSocket.new(path)
  end

  # The payload of init.
  def settings
    frame = read until frame&.type == INIT
    JSON.parse(frame.payload.force_encoding("UTF-8"))
  end

  # The next frame. Without the platform there is nobody to work for.
  def read
    head = exactly(10)
    length, id, type, flags = head.unpack("NNCC")
    Frame.new(type, id, flags, exactly(length))
  end

  def send(type, id, payload, flags = 0)
    @socket.write([payload.bytesize, id, type, flags].pack("NNCC") + payload.b)
  rescue SystemCallError
    exit!(0)
  end

  def send_json(type, id, value)
    send(type, id, JSON.generate(value))
  end

  private

  def exactly(length)
    return "".b if length.zero?

    data = @socket.read(length)
    exit!(0) if data.nil? || data.bytesize < length
    data
  rescue SystemCallError
    exit!(0)
  end
end
