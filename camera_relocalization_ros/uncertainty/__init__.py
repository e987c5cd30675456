# SPDX-License-Identifier: BSD-3-Clause
"""How a bundle learns its covariance and its states from data it was not trained on. Offline."""
