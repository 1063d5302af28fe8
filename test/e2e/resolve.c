/* Prints the first address of a name, as the C library that it is built with finds it. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>

int main(int count, char **words) {
  struct addrinfo hints = { .ai_family = AF_INET }, *found;
  char text[INET_ADDRSTRLEN];
  if (count < 2 || getaddrinfo(words[1], 0, &hints, &found)) return 2;
  puts(inet_ntop(AF_INET, &((struct sockaddr_in *)found->ai_addr)->sin_addr, text, sizeof text));
  return 0;
}
