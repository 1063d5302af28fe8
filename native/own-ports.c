/* Lets a program reach ports below 1024 that nothing may listen on: a filter of system calls (seccomp_unotify(2)) tells a process beside it
   of every connect(2), and that process connects the program's own socket to the port which stands for the one asked for. */

int *__errno_location(void);
int _exit(int code);
int open(const char *path, int flags, ...);
long read(int file, void *bytes, unsigned long count);
long write(int file, const void *bytes, unsigned long count);
int close(int file);
int pipe2(int files[2], int flags);
long syscall(long number, ...);
int getpid(void);
int setsid(void);
int chdir(const char *path);
int ioctl(int file, unsigned long request, ...);
int poll(void *files, unsigned long count, int timeout);
int fcntl(int file, int command, ...);
int connect(int socket, const void *address, unsigned length);
int getsockopt(int socket, int level, int option, void *value, unsigned *length);
int setsockopt(int socket, int level, int option, const void *value, unsigned length);
long pread(int file, void *bytes, unsigned long count, long at);
int snprintf(char *text, unsigned long size, const char *format, ...);
char *strstr(const char *text, const char *part);
int atoi(const char *text);
int memcmp(const void *one, const void *other, unsigned long count);
void *memcpy(void *to, const void *from, unsigned long count);

#ifdef __x86_64__
enum { SYS_CONNECT = 42, SYS_CLONE = 56, SYS_SECCOMP = 317, SYS_READ_OTHER = 310, SYS_NAME = 157 };
enum { THIS_ARCH = (int)0xC000003E };
#else
enum { SYS_CONNECT = 203, SYS_CLONE = 220, SYS_SECCOMP = 277, SYS_READ_OTHER = 270, SYS_NAME = 167 };
enum { THIS_ARCH = (int)0xC00000B7 };
#endif
enum { SYS_PIDFD_OPEN = 434, SYS_CLOSE_RANGE = 436, SYS_PIDFD_GETFD = 438 };
enum { CLOSE_ON_EXEC = 02000000, CLONE_PARENT = 0x8000, SIGCHLD = 17, PR_SET_NAME = 15 };
enum { SET_FILTER = 1, SPEC_ALLOW = 4, NEW_LISTENER = 8, WAIT_KILLABLE = 32, GO_ON = 1 };
enum { POLLIN = 1, F_GETFL = 3, O_NONBLOCK = 04000, SOL_SOCKET = 1, SO_TYPE = 3, SO_SNDTIMEO = 21, SOCK_STREAM = 1 };
enum { AF_INET = 2, AF_INET6 = 10, EINPROGRESS = 115, ETIMEDOUT = 110, ENOSYS_CODE = 38 };

/* struct seccomp_notif, struct seccomp_notif_resp. */
struct call { unsigned long id; unsigned pid, flags; int number; unsigned arch; unsigned long at, arguments[6]; };
struct answer { unsigned long id; long value; int error; unsigned flags; };
static const unsigned long TAKE = 0xC0502100, GIVE = 0xC0182101, IS_WAITING = 0x40082102;

/* A record of the table, as it stands in a sockaddr: the address, the port that is asked for, the one that stands for it. */
struct moved { unsigned char address[4], port[2], local[2]; };

/* The listener of a filter that tells of each connect(2). Other architectures' calls pass: they find no listener, as without it. */
static int filter_connects(void) {
  struct { unsigned short code; unsigned char yes, no; unsigned value; } rules[] = {
    { 0x20, 0, 0, 4 }, { 0x15, 0, 3, THIS_ARCH }, { 0x20, 0, 0, 0 }, { 0x15, 0, 1, SYS_CONNECT }, { 0x06, 0, 0, 0x7fc00000 }, { 0x06, 0, 0, 0x7fff0000 },
  };
  struct { unsigned short count; void *rules; } filter = { sizeof rules / sizeof *rules, rules };
  /* With it a signal does not make the program ask again for what is being done (Linux 5.19). */
  long listener = syscall(SYS_SECCOMP, SET_FILTER, NEW_LISTENER | SPEC_ALLOW | WAIT_KILLABLE, &filter);
  return listener >= 0 ? listener : syscall(SYS_SECCOMP, SET_FILTER, NEW_LISTENER | SPEC_ALLOW, &filter);
}

static const unsigned char *local_port(int table, const unsigned char *address, const unsigned char *port) {
  static struct moved some[512];
  long at = 0, got;
  while ((got = pread(table, some, sizeof some, at)) >= (long)sizeof *some) {
    for (int index = 0; index < got / (long)sizeof *some; index++)
      if (!memcmp(some[index].address, address, 4) && !memcmp(some[index].port, port, 2)) return some[index].local;
    at += got;
  }
  return 0;
}

/* The address in a sockaddr, also where it stands in one of IPv6, as Java writes it; 0 for others than loopback. */
static const unsigned char *loopback(const unsigned char *bytes, unsigned long length) {
  static const unsigned char mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255 };
  unsigned short family;
  memcpy(&family, bytes, 2);
  const unsigned char *address = family == AF_INET ? bytes + 4 : bytes + 20;
  if (family != AF_INET && (family != AF_INET6 || length < 28 || memcmp(bytes + 8, mapped, 12))) return 0;
  return address[0] == 127 ? address : 0;
}

/* A call names the thread that makes it; sockets are its process's. */
static int open_process(int thread) {
  char path[32], text[512];
  int process = syscall(SYS_PIDFD_OPEN, thread, 0);
  if (process >= 0) return process;
  snprintf(path, sizeof path, "/proc/%d/status", thread);
  int file = open(path, CLOSE_ON_EXEC);
  long length = file < 0 ? -1 : read(file, text, sizeof text - 1);
  if (file >= 0) close(file);
  if (length <= 0) return -1;
  text[length] = 0;
  char *line = strstr(text, "\nTgid:");
  return line ? syscall(SYS_PIDFD_OPEN, atoi(line + 6), 0) : -1;
}

/* 0, or the number of what is wrong. Who waits does so here, where others would wait behind it: so for a listener that is there, and not long. */
static int connect_soon(int socket, const unsigned char *address, unsigned length) {
  long limit[2] = { 5, 0 }, before[2];
  unsigned size = sizeof before;
  int waits = !(fcntl(socket, F_GETFL) & O_NONBLOCK);
  if (waits) {
    getsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, before, &size);
    setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, limit, sizeof limit);
  }
  int problem = connect(socket, address, length) ? *__errno_location() : 0;
  if (waits) setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, before, sizeof before);
  return waits && problem == EINPROGRESS ? ETIMEDOUT : problem;
}

/* Whether it was one of the ports; its result is then in `answer`. */
static int connected(int listener, int table, const struct call *call, struct answer *answer) {
  unsigned char bytes[28];
  unsigned long length = call->arguments[2] < sizeof bytes ? call->arguments[2] : sizeof bytes;
  unsigned long here[2] = { (unsigned long)bytes, length }, there[2] = { call->arguments[1], length };
  if (length < 16 || syscall(SYS_READ_OTHER, call->pid, here, 1, there, 1, 0) != (long)length) return 0;
  const unsigned char *address = loopback(bytes, length);
  const unsigned char *local = address ? local_port(table, address, bytes + 2) : 0;
  if (!local) return 0;
  memcpy(bytes + 2, local, 2);
  int process = open_process(call->pid);
  int socket = process < 0 ? -1 : syscall(SYS_PIDFD_GETFD, process, call->arguments[0], 0);
  int type = 0;
  unsigned size = sizeof type;
  /* The number of a process that has ended may be another's by now. */
  int is_meant = socket >= 0 && !ioctl(listener, IS_WAITING, &call->id) && !getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size);
  if (is_meant && type == SOCK_STREAM) answer->error = -connect_soon(socket, bytes, length);
  if (socket >= 0) close(socket);
  if (process >= 0) close(process);
  return is_meant && type == SOCK_STREAM;
}

/* Until nobody has the filter any more: what the program has started may outlive it, and kt. */
static void answer_connects(int listener, int table) {
  for (;;) {
    struct { int file; short events, happened; } waiting = { listener, POLLIN, 0 };
    struct call call = { 0 };
    if (poll(&waiting, 1, -1) < 0) continue;
    if (!(waiting.happened & POLLIN)) _exit(0);
    if (ioctl(listener, TAKE, &call)) continue;
    struct answer answer = { call.id, 0, 0, 0 };
    if (!connected(listener, table, &call, &answer)) answer.flags = GO_ON;
    ioctl(listener, GIVE, &answer);
  }
}

static void close_others(int one, int other) {
  int first = one < other ? one : other, second = one < other ? other : one;
  if (first > 0) syscall(SYS_CLOSE_RANGE, 0, first - 1, 0);
  if (second - first > 1) syscall(SYS_CLOSE_RANGE, first + 1, second - 1, 0);
  syscall(SYS_CLOSE_RANGE, second + 1, ~0u, 0);
}

/* The process beside the program: asks for the filter's listener, says whether it has it, and answers. */
static void help(int program, int asked, int told, int table) {
  int number, problem = 0, listener = -1;
  if (read(asked, &number, sizeof number) != sizeof number) _exit(0);
  int process = syscall(SYS_PIDFD_OPEN, program, 0);
  if (process >= 0) listener = syscall(SYS_PIDFD_GETFD, process, number, 0);
  if (listener < 0) problem = *__errno_location();
  /* Linux 5.9 has it, and says that a filter has no user any more: before, this process would never end. */
  else if (syscall(SYS_CLOSE_RANGE, ~0u, ~0u, 0)) problem = ENOSYS_CODE;
  write(told, &problem, sizeof problem);
  if (problem) _exit(0);
  close_others(listener, table);
  chdir("/");
  setsid();
  syscall(SYS_NAME, PR_SET_NAME, "kt-ports");
  answer_connects(listener, table);
}

/* 0 once this process's connections lead where the table says, and those of whatever it becomes; else what is wrong. `report` is not kept open. */
static int move_ports(int table, int report) {
  int ask[2], tell_back[2], problem = 0, self = getpid();
  if (pipe2(ask, CLOSE_ON_EXEC) || pipe2(tell_back, CLOSE_ON_EXEC)) return *__errno_location();
  /* kt's child, not this one's: who waits for all its children must not wait for a stranger. */
  int helper = syscall(SYS_CLONE, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
  if (helper < 0) return *__errno_location();
  if (helper == 0) {
    close(report);
    close(ask[1]);
    close(tell_back[0]);
    help(self, ask[0], tell_back[1], table);
  }
  close(ask[0]);
  close(tell_back[1]);
  int listener = filter_connects();
  if (listener < 0) return *__errno_location();
  write(ask[1], &listener, sizeof listener);
  if (read(tell_back[0], &problem, sizeof problem) != sizeof problem) problem = ENOSYS_CODE;
  close(listener);
  close(ask[1]);
  close(tell_back[0]);
  return problem;
}
