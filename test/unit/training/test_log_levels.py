# SPDX-License-Identifier: BSD-3-Clause
import logging

import pytest

from camera_relocalization_ros.training.log_levels import log_level


@pytest.mark.parametrize("name", ["some.library", None])
def test_a_logger_is_kept_down_within_the_block_and_no_longer(name, caplog):
    chosen = logging.getLogger(name)
    caplog.set_level(logging.INFO, name)
    with pytest.raises(KeyboardInterrupt), log_level(name, logging.WARNING):
        chosen.info("within")
        chosen.warning("heard")
        raise KeyboardInterrupt
    chosen.info("after")
    assert caplog.messages == ["heard", "after"]
