# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# `. env.sh` gives a shell in which rosrun, roslaunch, rostest and reloc work with this package.
if [ -n "${ZSH_VERSION:-}" ]; then
  # shellcheck disable=SC2296  # zsh's way to name the file being sourced
  RELOC_ROOT=$(cd "$(dirname "${(%):-%x}")" && pwd)
else
  RELOC_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
fi
if [ -f "$RELOC_ROOT/.catkin_ws/devel/setup.sh" ] && [ -x "$RELOC_ROOT/.venv/bin/python" ]; then
  # shellcheck source=/dev/null
  if [ -n "${ZSH_VERSION:-}" ]; then
    . "$RELOC_ROOT/.catkin_ws/devel/setup.zsh"
  else
    . "$RELOC_ROOT/.catkin_ws/devel/setup.bash"
  fi
  export VIRTUAL_ENV="$RELOC_ROOT/.venv"
  export PATH="$RELOC_ROOT/.venv/bin:$RELOC_ROOT/scripts:$PATH"
  # commands and options of reloc by the tabulator, where a person types
  case "$-" in
    *i*)
      if command -v register-python-argcomplete >/dev/null; then
        if [ -n "${ZSH_VERSION:-}" ]; then autoload -U bashcompinit && bashcompinit; fi
        eval "$(register-python-argcomplete reloc)"
      fi
      ;;
  esac
else
  echo "env.sh: not set up yet; run 'make setup' (or 'make onboard') in $RELOC_ROOT first" >&2
fi
