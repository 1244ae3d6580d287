# The pinned packages of the findings, for Debian 12 on amd64: each program with the libraries it needs. Those of GCC, glibc and zlib
# are the system's. Sourced by the scripts.

DIG=(
  bind9-dnsutils=1:9.18.49-1~deb12u3
  bind9-libs=1:9.18.49-1~deb12u3 libcom-err2=1.47.0-2+b2 libfstrm0=0.6.1-1 libgssapi-krb5-2=1.20.1-2+deb12u5
  libicu72=72.1-3+deb12u1 libidn2-0=2.3.3-1+b1 libjemalloc2=5.3.0-1 libjson-c5=0.16-2 libk5crypto3=1.20.1-2+deb12u5
  libkeyutils1=1.6.3-2 libkrb5-3=1.20.1-2+deb12u5 libkrb5support0=1.20.1-2+deb12u5 liblmdb0=0.9.24-1
  liblzma5=5.4.1-1+deb12u2 libmaxminddb0=1.7.1-1 libnghttp2-14=1.52.0-1+deb12u3 libprotobuf-c1=1.4.1-1+b1
  libssl3=3.0.22-1~deb12u2 libunistring2=1.0-2 libuv1=1.44.2-1+deb12u1 libxml2=2.9.14+dfsg-1.3~deb12u6
)
DANTE=(
  dante-server=1.4.2+dfsg-7+b8
  libaudit1=1:3.0.9-1 libcap-ng0=0.8.3-1+b3 libcom-err2=1.47.0-2+b2 libcrypt1=1:4.4.33-2
  libgssapi-krb5-2=1.20.1-2+deb12u5 libk5crypto3=1.20.1-2+deb12u5 libkeyutils1=1.6.3-2 libkrb5-3=1.20.1-2+deb12u5
  libkrb5support0=1.20.1-2+deb12u5 libnsl2=1.3.0-2 libpam0g=1.5.2-6+deb12u3 libtirpc3=1.3.3+ds-1 libwrap0=7.6.q-32
)
DNSMASQ=(
  dnsmasq-base=2.90-4~deb12u2
  libcap2=1:2.66-4+deb12u3+b1 libdbus-1-3=1.14.10-1~deb12u1 libgcrypt20=1.10.1-3+deb12u1 libgmp10=2:6.2.1+dfsg1-1.1
  libgpg-error0=1.46-1 libhogweed6=3.8.1-2 libidn2-0=2.3.3-1+b1 libjansson4=2.14-2 liblz4-1=1.9.4-1
  liblzma5=5.4.1-1+deb12u2 libmnl0=1.0.4-3 libnetfilter-conntrack3=1.0.9-3 libnettle8=3.8.1-2 libnfnetlink0=1.0.2-2
  libnftables1=1.0.6-2+deb12u2 libnftnl11=1.2.4-2 libsystemd0=252.39-1~deb12u2 libunistring2=1.0-2 libxtables12=1.8.9-2
  libzstd1=1.5.4+dfsg2-5
)
KNOT=(
  knot=3.2.6-1
  libbpf1=1:1.1.2-0+deb12u1 libcap-ng0=0.8.3-1+b3 libcap2=1:2.66-4+deb12u3+b1 libdnssec9=3.2.6-1 libelf1=0.188-2.1
  libffi8=3.4.4-1 libgcrypt20=1.10.1-3+deb12u1 libgmp10=2:6.2.1+dfsg1-1.1 libgnutls30=3.7.9-2+deb12u7
  libgpg-error0=1.46-1 libhogweed6=3.8.1-2 libidn2-0=2.3.3-1+b1 libknot13=3.2.6-1 liblmdb0=0.9.24-1 liblz4-1=1.9.4-1
  liblzma5=5.4.1-1+deb12u2 libnettle8=3.8.1-2 libp11-kit0=0.24.1-2 libsystemd0=252.39-1~deb12u2
  libtasn1-6=4.19.0-2+deb12u1 libunistring2=1.0-2 liburcu8=0.13.2-1 libxdp1=1.3.1-1 libzscanner4=3.2.6-1
  libzstd1=1.5.4+dfsg2-5
)
NAMED=(
  bind9=1:9.18.49-1~deb12u3
  bind9-libs=1:9.18.49-1~deb12u3 libcap2=1:2.66-4+deb12u3+b1 libcom-err2=1.47.0-2+b2 libfstrm0=0.6.1-1
  libgcrypt20=1.10.1-3+deb12u1 libgpg-error0=1.46-1 libgssapi-krb5-2=1.20.1-2+deb12u5 libicu72=72.1-3+deb12u1
  libjemalloc2=5.3.0-1 libjson-c5=0.16-2 libk5crypto3=1.20.1-2+deb12u5 libkeyutils1=1.6.3-2 libkrb5-3=1.20.1-2+deb12u5
  libkrb5support0=1.20.1-2+deb12u5 liblmdb0=0.9.24-1 liblz4-1=1.9.4-1 liblzma5=5.4.1-1+deb12u2 libmaxminddb0=1.7.1-1
  libnghttp2-14=1.52.0-1+deb12u3 libprotobuf-c1=1.4.1-1+b1 libssl3=3.0.22-1~deb12u2 libsystemd0=252.39-1~deb12u2
  libuv1=1.44.2-1+deb12u1 libxml2=2.9.14+dfsg-1.3~deb12u6 libzstd1=1.5.4+dfsg2-5
)
NSD=(
  nsd=4.6.1-1
  libcap2=1:2.66-4+deb12u3+b1 libevent-2.1-7=2.1.12-stable-8+deb12u1 libfstrm0=0.6.1-1 libgcrypt20=1.10.1-3+deb12u1
  libgpg-error0=1.46-1 liblz4-1=1.9.4-1 liblzma5=5.4.1-1+deb12u2 libprotobuf-c1=1.4.1-1+b1 libssl3=3.0.22-1~deb12u2
  libsystemd0=252.39-1~deb12u2 libzstd1=1.5.4+dfsg2-5
)
OPENSSH=(
  openssh-client=1:9.2p1-2+deb12u10 openssh-server=1:9.2p1-2+deb12u10
  libaudit1=1:3.0.9-1 libcap-ng0=0.8.3-1+b3 libcap2=1:2.66-4+deb12u3+b1 libcom-err2=1.47.0-2+b2 libcrypt1=1:4.4.33-2
  libgcrypt20=1.10.1-3+deb12u1 libgpg-error0=1.46-1 libgssapi-krb5-2=1.20.1-2+deb12u5 libk5crypto3=1.20.1-2+deb12u5
  libkeyutils1=1.6.3-2 libkrb5-3=1.20.1-2+deb12u5 libkrb5support0=1.20.1-2+deb12u5 liblz4-1=1.9.4-1
  liblzma5=5.4.1-1+deb12u2 libnsl2=1.3.0-2 libpam0g=1.5.2-6+deb12u3 libpcre2-8-0=10.42-1+deb12u2 libselinux1=3.4-1+b6
  libssl3=3.0.22-1~deb12u2 libsystemd0=252.39-1~deb12u2 libtirpc3=1.3.3+ds-1 libwrap0=7.6.q-32 libzstd1=1.5.4+dfsg2-5
)
NSS_WRAPPER=(libnss-wrapper=1.1.12-1)
PRIVOXY=(
  privoxy=3.0.34-1
  libbrotli1=1.0.9-2+deb12u1 libmbedcrypto7=2.28.3-1 libmbedtls14=2.28.3-1 libmbedx509-1=2.28.3-1 libpcre3=2:8.39-15
)
SQUID=(
  squid-common=5.7-2+deb12u6 squid=5.7-2+deb12u6 squid-langpack=20220130-1
  libcap2=1:2.66-4+deb12u3+b1 libcom-err2=1.47.0-2+b2 libecap3=1.0.1-3.4 libffi8=3.4.4-1 libgcrypt20=1.10.1-3+deb12u1
  libgmp10=2:6.2.1+dfsg1-1.1 libgnutls30=3.7.9-2+deb12u7 libgpg-error0=1.46-1 libgssapi-krb5-2=1.20.1-2+deb12u5
  libhogweed6=3.8.1-2 libidn2-0=2.3.3-1+b1 libk5crypto3=1.20.1-2+deb12u5 libkeyutils1=1.6.3-2
  libkrb5-3=1.20.1-2+deb12u5 libkrb5support0=1.20.1-2+deb12u5 libltdl7=2.4.7-7~deb12u1 liblz4-1=1.9.4-1
  liblzma5=5.4.1-1+deb12u2 libmnl0=1.0.4-3 libnetfilter-conntrack3=1.0.9-3 libnettle8=3.8.1-2 libnfnetlink0=1.0.2-2
  libp11-kit0=0.24.1-2 libsystemd0=252.39-1~deb12u2 libtasn1-6=4.19.0-2+deb12u1 libunistring2=1.0-2
  libzstd1=1.5.4+dfsg2-5
)
TINYPROXY=(tinyproxy-bin=1.11.1-2.1+deb12u1)
UNBOUND=(
  unbound=1.17.1-2+deb12u4
  libcap2=1:2.66-4+deb12u3+b1 libevent-2.1-7=2.1.12-stable-8+deb12u1 libexpat1=2.5.0-1+deb12u5
  libgcrypt20=1.10.1-3+deb12u1 libgpg-error0=1.46-1 liblz4-1=1.9.4-1 liblzma5=5.4.1-1+deb12u2
  libnghttp2-14=1.52.0-1+deb12u3 libprotobuf-c1=1.4.1-1+b1 libpython3.11=3.11.2-6+deb12u9 libssl3=3.0.22-1~deb12u2
  libsystemd0=252.39-1~deb12u2 libzstd1=1.5.4+dfsg2-5
)
