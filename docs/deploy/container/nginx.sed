# What is another address inside compose than on one machine. docs/deploy/container/compose.yaml
s|server 127\.0\.0\.1:8000|server ledger:8000|
s|server 127\.0\.0\.1:8001|server mirror-1:8001|
s|server 127\.0\.0\.1:8002|server mirror-2:8002|
s|root /srv/cairn;|root /srv/cairn-data/ledger;|
