package io.iomete.spark.errors

import scala.util.control.NonFatal

import org.apache.spark.ErrorClassesJsonReader
import org.apache.spark.sql.AnalysisException

/** Every error of our own that a user can meet, one method each.
  *
  * They are AnalysisExceptions with a condition and an SQLSTATE: the one kind that PySpark, Connect
  * and Thrift all carry to the client as an error of the statement. Texts are in
  * `error-conditions.json`, in the format of Spark's own file.
  */
object IometeErrors {
  private val file = "/io/iomete/spark/error-conditions.json"
  private val conditions = new ErrorClassesJsonReader(Seq(getClass.getResource(file)))
  makeKnownToSpark()

  def unsafeName(
      kind: String,
      name: Seq[String],
      part: String,
      problem: String
  ): AnalysisException = {
    val quoted = name.map(p => "`" + printable(p) + "`").mkString(".")
    val parameters = Map("kind" -> kind, "name" -> quoted)
    // Spark checks that a message is given the parameters that it names and no others.
    val detail = if (part.isEmpty) Map.empty else Map("part" -> printable(part))
    error(s"IOMETE_UNSAFE_NAME.$problem", parameters ++ detail)
  }

  def unsupportedSpark(found: String, needed: String): AnalysisException =
    error("IOMETE_UNSUPPORTED_SPARK", Map("found" -> found, "needed" -> needed))

  def ungovernedSession(
      key: String,
      first: String,
      last: String,
      listed: Seq[String]
  ): AnalysisException =
    error(
      "IOMETE_UNGOVERNED_SESSION",
      Map("key" -> key, "first" -> first, "last" -> last, "listed" -> listed.mkString(","))
    )

  def invalidPrincipal(): AnalysisException = error("IOMETE_INVALID_PRINCIPAL", Map.empty)

  def principalAlreadyBound(bound: String, requested: String): AnalysisException =
    error("IOMETE_PRINCIPAL_ALREADY_BOUND", Map("bound" -> bound, "requested" -> requested))

  def noToken(): AnalysisException = error("IOMETE_NOT_AUTHENTICATED.NO_TOKEN", Map.empty)

  def unknownToken(): AnalysisException =
    error("IOMETE_NOT_AUTHENTICATED.UNKNOWN_TOKEN", Map.empty)

  def otherUser(principal: String, claimed: String): AnalysisException =
    error(
      "IOMETE_NOT_AUTHENTICATED.OTHER_USER",
      Map("principal" -> principal, "claimed" -> printable(claimed))
    )

  def tokensUnusable(file: String, problem: String): AnalysisException =
    error("IOMETE_TOKENS_UNUSABLE", Map("file" -> file, "problem" -> problem))

  def unauthenticatedServer(key: String, needed: String, found: String): AnalysisException =
    error(
      "IOMETE_UNAUTHENTICATED_SERVER",
      Map("key" -> key, "needed" -> needed, "found" -> found)
    )

  def thriftServerFailed(problem: String): AnalysisException =
    error("IOMETE_THRIFT_SERVER_FAILED", Map("problem" -> problem))

  def catalogStoreFailed(change: String, cause: Throwable): AnalysisException =
    error(
      "IOMETE_CATALOG_STORE.WRITE_FAILED",
      Map("change" -> change, "reason" -> reasonOf(cause)),
      Some(cause)
    )

  def catalogStoreUnreadable(store: String, cause: Throwable): AnalysisException =
    error(
      "IOMETE_CATALOG_STORE.READ_FAILED",
      Map("store" -> store, "reason" -> reasonOf(cause)),
      Some(cause)
    )

  def catalogStoreInUse(current: String, requested: String): AnalysisException =
    error(
      "IOMETE_CATALOG_STORE.ALREADY_INSTALLED",
      Map("current" -> current, "requested" -> requested)
    )

  def catalogObjectUnreadable(kind: String, name: String, problem: String): AnalysisException =
    error(
      "IOMETE_CATALOG_STORE.UNREADABLE_OBJECT",
      Map("kind" -> kind, "name" -> name, "problem" -> problem)
    )

  def notGoverned(): AnalysisException = error("IOMETE_NOT_GOVERNED", Map.empty)

  def noPrincipal(): AnalysisException = error("IOMETE_NO_PRINCIPAL", Map.empty)

  def governanceFailed(problem: String, hint: String, cause: Throwable): AnalysisException =
    error("IOMETE_GOVERNANCE_FAILED", Map("problem" -> problem, "hint" -> hint), Some(cause))

  def governanceInUse(current: String, requested: String): AnalysisException =
    error("IOMETE_GOVERNANCE_IN_USE", Map("current" -> current, "requested" -> requested))

  def reservedName(namespace: String): Refused =
    refused(
      "IOMETE_RESERVED_NAME",
      Map("namespace" -> printable(namespace)),
      "change",
      namespace,
      "the namespace is the platform's own"
    )

  def auditFailed(cause: Throwable): AnalysisException =
    error("IOMETE_AUDIT_FAILED", Map("reason" -> reasonOf(cause)), Some(cause))

  def accessDenied(principal: String, action: String, resource: String): Refused =
    refused(
      "IOMETE_ACCESS_DENIED.ACTION",
      Map("principal" -> principal, "action" -> action, "resource" -> resource),
      action,
      resource,
      "no policy grants it"
    )

  def pathDenied(principal: String, action: String, path: String): Refused =
    refused(
      "IOMETE_ACCESS_DENIED.PATH",
      Map("principal" -> principal, "action" -> action, "path" -> path),
      action,
      path,
      "no policy grants the path"
    )

  def foreignCodeDenied(principal: String, what: String): Refused =
    refused(
      "IOMETE_ACCESS_DENIED.FOREIGN_CODE",
      Map("principal" -> principal, "what" -> what),
      "execute",
      what,
      "it runs code in Spark's own process"
    )

  def restrictedWrite(principal: String, table: String): Refused =
    refused(
      "IOMETE_ACCESS_DENIED.RESTRICTED_WRITE",
      Map("principal" -> principal, "table" -> table),
      "update",
      table,
      "the principal sees it masked, filtered or in part"
    )

  def maskedWriteBack(principal: String, table: String): Refused =
    refused(
      "IOMETE_ACCESS_DENIED.MASKED_WRITE_BACK",
      Map("principal" -> principal, "table" -> table),
      "update",
      table,
      "masked values would take the place of what they hide"
    )

  def columnDenied(table: String, column: String): Refused =
    refused(
      "IOMETE_ACCESS_DENIED.COLUMN",
      Map("table" -> table, "column" -> column),
      "select",
      s"$table.$column",
      "no policy grants the column"
    )

  def metadataDenied(principal: String, table: String, part: String): Refused =
    refused(
      "IOMETE_ACCESS_DENIED.METADATA",
      Map("principal" -> principal, "table" -> table, "part" -> printable(part)),
      "select",
      s"$table.$part",
      "its metadata shows more than the principal may read"
    )

  def viewRightsMissing(view: String): Refused =
    refused(
      "IOMETE_ACCESS_DENIED.VIEW",
      Map("view" -> view),
      "select",
      view,
      "its creator may not read what it is made of"
    )

  def viewOfOtherColumns(view: String): Refused =
    refused(
      "IOMETE_VIEW_OF_OTHER_COLUMNS",
      Map("view" -> view),
      "select",
      view,
      "its query has other columns than when it was made"
    )

  def ownedByAnother(principal: String, view: String): Refused =
    refused(
      "IOMETE_ACCESS_DENIED.OWNED_VIEW",
      Map("principal" -> principal, "view" -> view),
      "create",
      view,
      "an administrator has set another owner for the name"
    )

  def functionOverridden(function: String): Refused =
    refused(
      "IOMETE_FUNCTION_OVERRIDDEN",
      Map("function" -> function),
      "select",
      function,
      "the session has put another function in the place of Spark's"
    )

  def functionOptionRefused(function: String, option: String): Refused =
    refused(
      "IOMETE_FUNCTION_OPTION_REFUSED",
      Map("function" -> function, "option" -> printable(option)),
      "read",
      option,
      "by the option a function reads a file that nobody is asked about"
    )

  /** Spark's own error for what doesn't exist: what may not be known of doesn't. */
  def tableNotFound(table: String): Refused =
    refusedAs(
      "TABLE_OR_VIEW_NOT_FOUND",
      "42P01",
      SparkErrors.template("TABLE_OR_VIEW_NOT_FOUND"),
      Map("relationName" -> SparkErrors.quoted(table)),
      "select",
      table,
      "nothing is granted on it"
    )

  /** `namespace` as it is quoted in SQL, its catalog first. */
  def namespaceNotFound(namespace: String): Refused =
    refusedAs(
      "SCHEMA_NOT_FOUND",
      "42704",
      SparkErrors.template("SCHEMA_NOT_FOUND"),
      Map("schemaName" -> SparkErrors.quoted(namespace)),
      "use",
      namespace,
      "nothing is granted in it, or it doesn't exist"
    )

  def analyserRefused(key: String): Refused =
    refused(
      "IOMETE_ANALYSER_REFUSED",
      Map("key" -> printable(key)),
      "set",
      printable(key),
      "policies aren't enforced in what this analyser resolves"
    )

  def commandRefused(principal: String, command: String): Refused =
    refused(
      "IOMETE_COMMAND_REFUSED",
      Map("principal" -> principal, "command" -> command),
      "command",
      command,
      "the command is for administrators"
    )

  /** @param what
    *   the table with the policies, or the view
    */
  def settingChangesResults(what: String, key: String): Refused =
    refused(
      "IOMETE_SETTING_CHANGES_RESULTS",
      Map("what" -> what, "key" -> printable(key)),
      "select",
      what,
      "the session has changed a setting that expressions of policies and views go by"
    )

  def settingChangesCache(what: String, key: String): Refused =
    refused(
      "IOMETE_SETTING_CHANGES_CACHE",
      Map("what" -> what, "key" -> printable(key)),
      "cache",
      what,
      "the session has changed a setting that cached data hangs on"
    )

  def timeCached(what: String): Refused =
    refused(
      "IOMETE_TIME_CACHED",
      Map("what" -> what),
      "cache",
      what,
      "policies or views ask for the time"
    )

  def settingRefused(principal: String, key: String): Refused =
    refused(
      "IOMETE_SETTING_REFUSED",
      Map("principal" -> principal, "key" -> printable(key)),
      "set",
      printable(key),
      "the setting is for administrators"
    )

  def optionRefused(principal: String, key: String): Refused =
    refused(
      "IOMETE_OPTION_REFUSED",
      Map("principal" -> principal, "key" -> printable(key)),
      "select",
      printable(key),
      "the option changes what is read"
    )

  def settingHidden(principal: String, key: String): Refused =
    refused(
      "IOMETE_SETTING_HIDDEN",
      Map("principal" -> principal, "key" -> printable(key)),
      "read setting",
      printable(key),
      "the setting is for administrators"
    )

  /** What a client asks of a server that no statement could ask. */
  def requestRefused(principal: String, what: String): Refused =
    refused(
      "IOMETE_REQUEST_REFUSED",
      Map("principal" -> principal, "what" -> printable(what)),
      "request",
      printable(what),
      "the server doesn't take such requests"
    )

  def unknownSource(principal: String, what: String): Refused =
    refused(
      "IOMETE_UNKNOWN_SOURCE",
      Map("principal" -> principal, "source" -> what),
      "select",
      what,
      "nobody has judged this kind of source"
    )

  def ungovernedRead(principal: String, table: String): Refused =
    refused(
      "IOMETE_UNGOVERNED_READ",
      Map("principal" -> principal, "table" -> table),
      "select",
      table,
      "the plan reads it without its masks and filters"
    )

  def policiesChanged(principal: String, table: String): Refused =
    refused(
      "IOMETE_POLICIES_CHANGED",
      Map("principal" -> principal, "table" -> table),
      "select",
      table,
      "the policies have changed since the plan was made"
    )

  /** Why is told to administrators, and in the audit trail. */
  def policyUnusable(table: String, reason: String, isAdmin: Boolean): Refused = {
    val told = Map("table" -> table) ++ Option.when(isAdmin)("reason" -> reason)
    val condition = if (isAdmin) "REASON" else "ASK"
    refused(s"IOMETE_POLICY_UNUSABLE.$condition", told, "select", table, reason)
  }

  private def refused(
      condition: String,
      parameters: Map[String, String],
      action: String,
      resource: String,
      reason: String
  ): Refused =
    refusedAs(
      condition,
      conditions.getSqlState(condition),
      conditions.getMessageTemplate(condition),
      parameters,
      action,
      resource,
      reason
    )

  private def refusedAs(
      condition: String,
      sqlState: String,
      template: String,
      parameters: Map[String, String],
      action: String,
      resource: String,
      reason: String
  ): Refused = new Refused(condition, sqlState, template, parameters, action, resource, reason)

  private def error(
      condition: String,
      parameters: Map[String, String],
      cause: Option[Throwable] = None
  ): AnalysisException =
    new AnalysisException(
      errorClass = condition,
      sqlState = conditions.getSqlState(condition),
      messageTemplate = conditions.getMessageTemplate(condition),
      messageParameters = parameters,
      cause = cause,
      message = None
    )

  /** Adds our conditions to Spark's.
    *
    * PySpark's `getMessage()` looks an error's text up there and otherwise ends in an internal error;
    * so does the SQLSTATE of an error that Spark has copied. By reflection, as Spark has no way in:
    * where it fails, our errors lack these two and nothing else.
    */
  private def makeKnownToSpark(): Unit =
    try {
      val reader = Class.forName("org.apache.spark.SparkThrowableHelper$")
      val sparks = reader.getMethod("errorReader").invoke(reader.getField("MODULE$").get(null))
      val field = classOf[ErrorClassesJsonReader].getDeclaredField("errorInfoMap")
      field.setAccessible(true)
      val known = (reader: Any) => field.get(reader).asInstanceOf[Map[String, Any]]
      field.set(sparks, known(sparks) ++ known(conditions))
    } catch { case NonFatal(_) => () }

  private def reasonOf(cause: Throwable): String =
    Option(cause.getMessage).getOrElse(cause.getClass.getName)

  /** A name can be refused for characters that would garble a terminal or a log. */
  private def printable(text: String): String =
    text.flatMap(c => if (Character.isISOControl(c)) f"\\u${c.toInt}%04x" else c.toString)
}
