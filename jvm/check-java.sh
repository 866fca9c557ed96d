#!/bin/sh
# Says what is missing to build and run the Spark module, and how to install it.
hint() {
  if command -v apt-get >/dev/null 2>&1; then echo "sudo apt-get install -y openjdk-17-jdk-headless"
  elif command -v dnf >/dev/null 2>&1; then echo "sudo dnf install -y java-17-openjdk-devel"
  elif command -v apk >/dev/null 2>&1; then echo "sudo apk add openjdk17"
  elif command -v brew >/dev/null 2>&1; then echo "brew install openjdk@17, and export JAVA_HOME"
  else echo "install a JDK 17 (for example Eclipse Temurin) and set JAVA_HOME"
  fi
}
javac="${JAVA_HOME:+$JAVA_HOME/bin/}javac"
if ! command -v "$javac" >/dev/null 2>&1; then
  echo "Error: no JDK was found (looked for \`$javac\`)." >&2
  echo "Hint: $(hint)" >&2
  exit 1
fi
version=$("$javac" -version 2>&1 | sed -n 's/^javac \([0-9]*\).*/\1/p')
case "$version" in
  17|21) ;;
  *) echo "Error: \`$javac\` is of Java ${version:-unknown}; Spark 4.1 runs on Java 17 or 21." >&2
     echo "Hint: set JAVA_HOME to a JDK 17; to install one: $(hint)" >&2
     exit 1 ;;
esac
