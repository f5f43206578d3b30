# The Ruby shim: connects to the platform, loads the function's code and serves its calls, one at a time (docs/frames.md, also for _Parameters_).
# Such code was written for OpenWhisk, so names and texts are those that it knows.
# frozen_string_literal: true

require "json"
require_relative "connection"
require_relative "calls"
require_relative "marks"

$stdout.sync = true
$stderr.sync = true

# What the code's `exit` leads to, and what goes with it.
def load_code(settings)
  ENV.update(settings["env"] || {})
  folder = ENV["KILN_CODE"] || settings["code"]
  Dir.chdir(folder)
  $LOAD_PATH.unshift(folder)
  tell_identity
  file = %w[main.rb index.rb].map { |name| File.join(folder, name) }.find { |path| File.file?(path) } || only_script(folder)
  load(file)
  name = settings["handler"] || "main"
  raise NameError, "#{File.basename(file)} has no method #{name}" unless respond_to?(name, true)

  method(name)
end

def only_script(folder)
  scripts = Dir.glob(File.join(folder, "*.rb"))
  raise LoadError, "The code has no main.rb" unless scripts.length == 1

  scripts[0]
end

def tell_identity
  path = %w[KILN_OWNER KILN_APP KILN_FUNCTION].map { |key| ENV.fetch(key, "") }
  ENV["__OW_NAMESPACE"] = ENV.fetch("KILN_NAMESPACE", "")
  ENV["__OW_ACTION_NAME"] = "/#{path.reject(&:empty?).join('/')}"
  ENV["__OW_ACTION_VERSION"] = "0.0.#{ENV.fetch('KILN_REVISION', '0')}"
  ENV["__OW_API_HOST"] = ENV.fetch("KILN_API_URL", "")
end

def describe(error)
  { type: error.class.name, message: error.message, stack: error.full_message(highlight: false) }
end

path = ENV["KILN_SOCKET"]
abort "KILN_SOCKET is not set: this program is started by the platform, see docs/frames.md" if path.nil?
connection = Connection.new(path)
marks = Marks.new
hello = { protocol: 1, runtime: "ruby", version: RUBY_VERSION, window: Connection::WINDOW, mark: marks.text }
connection.send_json(Connection::HELLO, 0, hello)
settings = connection.settings
begin
  handler = load_code(settings)
rescue Exception => e # rubocop:disable Lint/RescueException
  connection.send_json(Connection::FAILED, 0, describe(e))
  exit!(1)
end
connection.send_json(Connection::READY, 0, {})
Calls.new(connection, handler, settings, marks).serve
