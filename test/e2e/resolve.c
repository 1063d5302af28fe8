/* Prints the first address of a name, as the C library that it is built with finds it; with a port the first line of an answer by HTTP. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int ask(struct sockaddr_in *address, const char *host) {
  char text[256];
  int made = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(made, (struct sockaddr *)address, sizeof *address)) return 3;
  snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", host);
  if (write(made, text, strlen(text)) < 0) return 4;
  long got = read(made, text, sizeof text - 1);
  if (got <= 0) return 5;
  text[got] = 0;
  puts(strtok(text, "\r"));
  return 0;
}

int main(int count, char **words) {
  struct addrinfo hints = { .ai_family = AF_INET }, *found;
  char text[INET_ADDRSTRLEN];
  if (count < 2 || getaddrinfo(words[1], 0, &hints, &found)) return 2;
  struct sockaddr_in *address = (struct sockaddr_in *)found->ai_addr;
  address->sin_port = htons(count > 2 ? atoi(words[2]) : 0);
  if (count > 2) return ask(address, words[1]);
  puts(inet_ntop(AF_INET, &address->sin_addr, text, sizeof text));
  return 0;
}
