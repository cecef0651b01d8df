/** IPv4 sockets (netinet/in.h, linux/udp.h). */

/** Levels of socket options. */
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;

/** Of IPPROTO_TCP: small messages go at once. */
export const TCP_NODELAY = 1;
/** Of IPPROTO_UDP: what is sent is cut into datagrams of so many bytes of payload (UDP GSO). */
export const UDP_SEGMENT = 103;

/** struct sockaddr_in; `port` and `addr` in network byte order */
export const SOCKADDR_IN = { family: 0, port: 2, addr: 4, size: 16 } as const;
