# RouterOS 7. Every node of 192.168.88.0/24 may connect. Written from the vendor's documentation, not run here.
# A named input filter drops what no rule accepts, so it ends with what it accepts.
/routing filter rule
add chain=heraldlb-in rule="if (dst in 198.51.100.0/26 && dst-len == 32) { accept }"
/routing bgp template
add name=heraldlb as=65530 router-id=192.168.88.1
/routing bgp connection
add name=heraldlb-nodes templates=heraldlb local.role=ebgp local.address=192.168.88.1 \
    remote.address=192.168.88.0/24 remote.as=64512 listen=yes input.filter=heraldlb-in
