"""What a policy is: from the words of a call to Ranger's document, and what it may say."""
