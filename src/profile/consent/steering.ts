/** Variables that decide which programs run, what they load or where they send data: a stranger's `[env]` needs consent for them. */

interface Steering {
  readonly why: string;
  /** Names in capitals; `*` stands for any text. */
  readonly names: string;
}

/** From what works everywhere to what works in one tool. Only some programs mind the case of a name, so it never counts here. */
const table: readonly Steering[] = [
  {
    why: "it decides which programs run",
    names:
      "PATH PATHEXT SHELL EDITOR VISUAL *_EDITOR PAGER *PAGER BROWSER *_ASKPASS *_RSH RSH FCEDIT HGEDITOR CDPATH TERMINAL OPENER MAKE NODE MANROFFOPT *_BIN *_BINARY *_BINARY_PATH *_EXECUTABLE_PATH VOLTA_* NVM_DIR FNM_* ASDF_* MISE_* PYENV_* RBENV_* SDKMAN_* HOMEBREW_* NIX_* GETCONF_DIR",
  },
  {
    why: "the system's loader and libraries read it: code can be loaded into any program",
    names:
      "LD_* DYLD_* GLIBC_TUNABLES GCONV_PATH LOCPATH NLSPATH MALLOC_* OPENSSL_* HOSTALIASES RES_OPTIONS LOCALDOMAIN LIBPATH SHLIB_PATH GIO_* GTK_* QT_* GST_* GDK_* VK_* LIBVA_* LIBGL_* OCL_* MAGICK_* GS_LIB ODBC* ASAN_* LSAN_* UBSAN_* TSAN_* MSAN_*",
  },
  {
    why: "shells run what it says",
    names:
      "BASH_* BASHOPTS SHELLOPTS ENV PROMPT* PS0 PS1 PS2 PS3 PS4 RPROMPT IFS ZDOTDIR FPATH FISH_* INPUTRC GLOBIGNORE TERMINFO* TERMCAP HISTFILE STARSHIP_* DIRENV_* TMUX* SCREENRC _",
  },
  {
    why: "an interpreter loads code from it",
    names:
      "NODE_OPTIONS NODE_PATH NODE_EXTRA_* NODE_TLS_* NODE_REPL_* NODE_V8_* NODE_COMPILE_* NPM_* YARN_* PNPM_* COREPACK_* BUN_* DENO_* PYTHON* PIP_* UV_* POETRY_* VIRTUAL_ENV CONDA_* PERL* RUBY* GEM_* BUNDLE_* JAVA_* *_JAVA_OPTIONS JDK_* CLASSPATH MAVEN_* GRADLE_* SBT_OPTS PHP_* PHPRC LUA_* R_* ERL_* ELIXIR_* MIX_* JULIA_* TCLLIBPATH DOTNET_* CORECLR_* COR_* COMPLUS_* ELECTRON_* TS_* PYTEST_* JUPYTER_* IPYTHON* GUILE_* COMPOSER_* ASPNETCORE_HOSTING* SPRING_CONFIG_* LOGGING_CONFIG *_OPTS",
  },
  {
    why: "builds run what it names",
    names:
      "MAKEFLAGS MAKEFILES GNUMAKEFLAGS MFLAGS MSBUILD* NUGET_* CFLAGS CXXFLAGS CPPFLAGS LDFLAGS GCC_* COMPILER_PATH LIBRARY_PATH CPATH *_INCLUDE_PATH CC CXX CPP LD AR AS NM *_WRAPPER CMAKE_* PKG_CONFIG_* CARGO_* RUST* GOFLAGS GOPROXY GOPATH GOROOT GOENV GOTOOLCHAIN GOSUMDB GONOSUMDB GOINSECURE CGO_* TAR_OPTIONS",
  },
  {
    why: "it holds commands that git, ssh and their like run",
    names:
      "GIT_* SSH_* GPG_* GNUPGHOME HGRCPATH SVN_SSH LESSOPEN LESSCLOSE LESS LESSKEY* SUDO_* DOAS_* PSQLRC VIM VIMINIT VIMRUNTIME MYVIMRC EXINIT NVIM_* EMACS* MAILCAPS MAILRC FZF_* RIPGREP_CONFIG_PATH BAT_* ZIPOPT LYNX_CFG W3M_DIR SYSTEMD_*",
  },
  {
    why: "it names another folder for settings, from which programs take commands and credentials",
    names:
      "HOME XDG_* TMPDIR TMP TEMP USERPROFILE APPDATA DBUS_* DISPLAY XAUTHORITY WAYLAND_DISPLAY CURL_HOME WGETRC NETRC PGSERVICEFILE PGSYSCONFDIR PGPASSFILE MYSQL_HOME ANSIBLE_* HELM_* DOCKER_* KRB5* TF_CLI_* TF_PLUGIN_* TF_DATA_DIR COMPOSE_FILE TNS_ADMIN ORACLE_HOME FREETDS* LDAPCONF LDAPRC MYSQL_TEST_LOGIN_FILE REDISCLI_RCFILE GH_CONFIG_DIR BOTO_CONFIG",
  },
  {
    why: "it decides who is trusted, or through whom requests go, credentials and all",
    names:
      "*_PROXY SSL_CERT* SSLKEYLOGFILE *_CA_BUNDLE *_CA_CERT* AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE AWS_CONTAINER_* GOOGLE_APPLICATION_CREDENTIALS CLOUDSDK_* AZURE_CONFIG_DIR GH_HOST GODEBUG",
  },
  { why: "kt and kubectl follow it", names: "KUBECONFIG KUBE_EDITOR KUBERNETES_* KUBECTL_* KT_*" },
];

const rules: readonly { readonly why: string; readonly form: RegExp }[] = table.map(({ why, names }) => ({
  why,
  form: new RegExp(`^(?:${names.replaceAll("*", ".*").replaceAll(" ", "|")})$`, "i"),
}));

/** Of the families above, but only data: what people set most often. */
const harmless: ReadonlySet<string> = new Set(
  "PYTHONUNBUFFERED PYTHONDONTWRITEBYTECODE PYTHONIOENCODING PYTHONUTF8 PYTHONHASHSEED RUST_LOG RUST_BACKTRACE MIX_ENV DOTNET_ENVIRONMENT DOCKER_BUILDKIT".split(
    " ",
  ),
);

/** Why the variable steers programs; undefined of one that is only data to them. */
export function steeringReason(name: string): string | undefined {
  if (harmless.has(name)) return undefined;
  return rules.find(({ form }) => form.test(name))?.why;
}
