/* Starts a program that sees other files at some paths: a user namespace, a mount namespace in it, and a bind mount for each file.
   With a table of ports (own-ports.c, which stands before this) some of its connections lead to other ports.
   JavaScript cannot do it: a process with threads gets no user namespace, and after a fork only what locks nothing is safe. */

int *__errno_location(void);
int fork(void);
int _exit(int code);
int unshare(int flags);
int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data);
int open(const char *path, int flags, ...);
long read(int file, void *bytes, unsigned long count);
long write(int file, const void *bytes, unsigned long count);
int close(int file);
int pipe2(int files[2], int flags);
int waitpid(int pid, int *status, int options);
int execve(const char *path, char *const arguments[], char *const environment[]);
int sigfillset(unsigned long *set);
int sigemptyset(unsigned long *set);
int sigprocmask(int how, const unsigned long *set, unsigned long *previous);
void *signal(int number, void *handler);
unsigned long strlen(const char *text);

enum { O_WRONLY = 1, O_CLOEXEC = 02000000, EINTR = 4, WNOHANG = 1, SIG_SETMASK = 2, SIGNALS = 64 };
enum { MS_BIND = 4096, MS_REC = 16384, MS_SLAVE = 1 << 19 };

/* What failed, in the order of the steps. */
enum { STEP_NAMESPACE = 1, STEP_IDS, STEP_FILES, STEP_PORTS, STEP_PROGRAM };

/* A sigset_t of every C library has room in it. */
typedef struct { unsigned long words[16]; } signal_set;

static void tell_why(int report, int step, int code) {
  int problem[2] = { step, code };
  write(report, problem, sizeof problem);
  _exit(127);
}

static void tell(int report, int step) {
  tell_why(report, step, *__errno_location());
}

static int put(const char *path, const char *text) {
  int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return 0;
  long length = strlen(text);
  long written = write(file, text, length);
  close(file);
  return written == length;
}

/* `ids`: a path and what to write to it, in turn. `files`: a source and a target, in turn. Both end with 0. `table`: a file, or -1. */
static void become(int report, int flags, char **ids, char **files, int table, char **arguments, char **environment) {
  signal_set none;
  if (unshare(flags)) tell(report, STEP_NAMESPACE);
  for (; *ids; ids += 2) if (!put(ids[0], ids[1])) tell(report, STEP_IDS);
  /* Mounts that come later outside are seen, and none of these gets out. */
  if (mount("none", "/", 0, MS_REC | MS_SLAVE, 0)) tell(report, STEP_FILES);
  for (; *files; files += 2) if (mount(files[0], files[1], 0, MS_BIND, 0)) tell(report, STEP_FILES);
  int unmoved = table < 0 ? 0 : move_ports(table, report);
  if (unmoved) tell_why(report, STEP_PORTS, unmoved);
  for (int number = 1; number <= SIGNALS; number++) signal(number, 0);
  sigemptyset(none.words);
  sigprocmask(SIG_SETMASK, none.words, 0);
  execve(arguments[0], arguments + 1, environment);
  tell(report, STEP_PROGRAM);
}

/* The child's id once the program runs; else -1, and in `problem` the step that failed and why. `arguments` begins with the program's path. */
int start(int flags, char **ids, char **files, int table, char **arguments, char **environment, int *problem) {
  int report[2];
  signal_set all, previous;
  long got;
  problem[0] = STEP_NAMESPACE;
  problem[1] = 0;
  if (pipe2(report, O_CLOEXEC)) { problem[1] = *__errno_location(); return -1; }
  /* A signal in between must not run this process's handlers in the child. */
  sigfillset(all.words);
  sigprocmask(SIG_SETMASK, all.words, previous.words);
  int pid = fork();
  if (pid == 0) become(report[1], flags, ids, files, table, arguments, environment);
  if (pid < 0) problem[1] = *__errno_location();
  sigprocmask(SIG_SETMASK, previous.words, 0);
  close(report[1]);
  if (pid < 0) { close(report[0]); return -1; }
  do got = read(report[0], problem, 2 * sizeof(int)); while (got < 0 && *__errno_location() == EINTR);
  close(report[0]);
  if (got <= 0) return pid;
  while (waitpid(pid, 0, 0) < 0 && *__errno_location() == EINTR);
  return -1;
}

/* Its exit code, as shells tell it; -1 while it runs. */
int ended(int pid) {
  int status;
  if (waitpid(pid, &status, WNOHANG) != pid) return -1;
  return (status & 127) ? 128 + (status & 127) : (status >> 8) & 255;
}
