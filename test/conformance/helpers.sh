# What sessions may type besides kubectl and the usual tools.

# until_prints PATTERN COMMAND…: repeats the command until what it prints matches, then prints that; gives up after 20 s.
until_prints() {
  local pattern="$1" printed
  shift
  SECONDS=0
  while [ "$SECONDS" -lt 20 ]; do
    printed="$("$@" 2>&1)"
    if grep -qE "$pattern" <<< "$printed"; then
      echo "$printed"
      return 0
    fi
    sleep 0.1
  done
  echo "$printed"
  echo "(nothing matched $pattern)"
  return 1
}

# has_lines FILE COUNT: waits until the file has that many lines.
has_lines() {
  for _ in $(seq 200); do
    [ "$(wc -l 2> /dev/null < "$1" || echo 0)" -ge "$2" ] && return 0
    sleep 0.1
  done
  echo "(fewer than $2 lines in $1)"
  return 1
}
