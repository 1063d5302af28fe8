/** The variable that holds what --set says, as `KEY=VALUE KEY=VALUE`: so it reaches the hub with the shell's environment. */
export const setVariable = "KT_SET";
