# SPDX-License-Identifier: BSD-3-Clause
# The package on Debian 12, whose archive has ROS. The steps are those of `make onboard` or `make setup`.
#   docker build -t relocalizer .                          what flies
#   docker build -t relocalizer --build-arg SET=full .     training, simulation and tests as well
# With ROS Noetic's own packages: --build-arg BASE=ros:noetic-ros-base-focal
ARG BASE=debian:12
FROM ${BASE}
ARG SET=onboard
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates git make python3 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/camera_relocalization_ros
COPY . .
RUN bash setup/setup.sh ${SET} && rm -rf /var/lib/apt/lists/* /root/.cache
ENTRYPOINT ["bash", "-c", ". /opt/camera_relocalization_ros/env.sh && exec \"$@\"", "--"]
CMD ["reloc", "--help"]
