/** epoll(7) (sys/epoll.h, linux/eventpoll.h). */
export const EPOLL_CLOEXEC = 0x80000;

export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLL_CTL_MOD = 3;

export const EPOLLIN = 0x001;
export const EPOLLOUT = 0x004;
export const EPOLLERR = 0x008;
export const EPOLLHUP = 0x010;
export const EPOLLET = 0x80000000;

/** struct epoll_event. x86_64 alone packs it, so that 32-bit programs have the same. */
export const EPOLL_EVENT =
  process.arch === 'x64' ? ({ events: 0, data: 4, size: 12 } as const) : ({ events: 0, data: 8, size: 16 } as const);
