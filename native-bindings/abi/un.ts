/** Addresses of Unix sockets (linux/un.h). A path that begins with a zero byte is an abstract name: unix(7). */

/** struct sockaddr_un */
export const SOCKADDR_UN = { family: 0, path: 2, size: 110 } as const;
