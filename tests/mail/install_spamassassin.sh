#!/bin/sh
# Installs SpamAssassin where apt-get and root allow it, and fails with a sentence where they do not.
command -v spamassassin >/dev/null && exit
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "SpamAssassin is not installed and cannot be installed here: that takes apt-get and root."
  exit 1
fi
echo "Installing SpamAssassin ..."
apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends spamassassin >/dev/null
