# Prints what Ruby's pg reads: text as it came, then by its own types, text and binary.
require "pg"
db = PG.connect
maps = [nil, PG::BasicTypeMapForResults.new(db)]
maps.each do |map|
  [0, 1].each do |format|
    next if map.nil? && format == 1
    result = db.exec_params("#{ARGV[0]} LIMIT $1", [1000], format)
    result.type_map = map if map
    result.each_row { |row| result.fields.zip(row) { |name, value| puts "#{name} #{value.class} #{value.inspect}" } }
  end
end
