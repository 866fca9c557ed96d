package io.iomete.spark.errors

/** Makes a failure at start-up stop the start. */
private[spark] object Startup {

  /** Runs `body`; what it throws comes out as a RuntimeException.
    *
    * Link errors included, because those are what Spark would swallow. Only errors of the JVM itself
    * pass as they are.
    */
  def orRefuse(extension: String)(body: => Unit): Unit =
    try body
    catch {
      case error: VirtualMachineError => throw error
      case error: Throwable           => throw new GovernanceNotLoaded(extension, error)
    }
}

/** The session can't start because a part of its governance didn't load. */
final class GovernanceNotLoaded(extension: String, cause: Throwable)
    extends RuntimeException(
      s"`$extension` could not be loaded, so the session does not start: ${cause.getMessage}",
      cause
    )
