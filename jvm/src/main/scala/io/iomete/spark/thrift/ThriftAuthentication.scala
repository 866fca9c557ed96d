package io.iomete.spark.thrift

import javax.security.sasl.AuthenticationException

import org.apache.hive.service.auth.PasswdAuthenticationProvider

/** Lets a connection to the Thrift server open if its password is a token of its user.
  *
  * Hive makes one for each connection. Until [[ThriftEndpoint]] has everything in place, nobody comes
  * in. Clients are told that the login failed, and not why: the protocol has no place for it.
  */
final class ThriftAuthentication extends PasswdAuthenticationProvider {

  override def Authenticate(user: String, password: String): Unit = {
    val principal = ThriftEndpoint.verifier.flatMap(_.principalOf(password))
    if (!principal.contains(user)) {
      throw new AuthenticationException(s"The password of `$user` is no token of theirs.")
    }
  }
}
